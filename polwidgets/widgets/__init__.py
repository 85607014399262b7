"""Floor 5: linked views; the only floor that knows Jupyter, HoloViews and Panel."""
