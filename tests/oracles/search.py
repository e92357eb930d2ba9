"""The book's recursions of appendix E, on one state at a time: what the array forms are compared with."""


def forward_search(A, T, R, s, d, U):
    """The pair (a, u): the first of the best actions in s with d steps left, and its utility."""
    actions = A(s)
    if d <= 0 or not actions:
        return None, U(s)
    best = None, float("-inf")
    for a in actions:
        u = R(s, a) + forward_search(A, T, R, T(s, a), d - 1, U)[1]
        if best[0] is None or u > best[1]:
            best = a, u
    return best


def breadth_first_distances(A, T, starts):
    """The fewest actions from the starts to each state that can be reached, as a dictionary."""
    distance, level = dict.fromkeys(starts, 0), list(starts)
    while level:
        following = []
        for s in level:
            for a in A(s):
                s_next = T(s, a)
                if s_next not in distance:
                    distance[s_next] = distance[s] + 1
                    following.append(s_next)
        level = following
    return distance
