def match_pattern(*a,**k): raise NotImplementedError
