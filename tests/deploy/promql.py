"""What the checks need to know of a PromQL expression: which series it selects, and inside of which
functions. Whether it is valid at all is promtool's word; this reads valid ones."""

import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""\s+|\#[^\n]*
    |(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    |(?P<range>\[[^\]]*\])
    |(?P<number>\d[\w.]*|\.\d+\w*)
    |(?P<name>[A-Za-z_:$][\w:$]*)
    |(?P<matcher>=~|!~|!=|=(?!=))
    |(?P<other>==|<=|>=|.)""",
    re.VERBOSE,
)
# Followed by a list of labels in parentheses, which are no metrics.
LABEL_LISTS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
KEYWORDS = LABEL_LISTS | {"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"}


@dataclass(frozen=True)
class Selector:
    metric: str
    matchers: tuple = ()  # (label, operator, value)
    range: str = ""  # what stands between the brackets
    functions: tuple = ()  # the calls around it, the innermost last

    def text(self):
        inside = ", ".join(f'{label}{op}"{value}"' for label, op, value in self.matchers)
        return f"{self.metric}{{{inside}}}"


class _Reader:
    def __init__(self, expr):
        self.tokens = [
            (match.lastgroup, match.group())
            for match in TOKEN.finditer(expr)
            if match.lastgroup is not None
        ]
        self.at = 0

    def peek(self, ahead=0):
        index = self.at + ahead
        return self.tokens[index] if index < len(self.tokens) else ("end", "")

    def next(self):
        token = self.peek()
        self.at += 1
        return token

    def skip_label_list(self):
        if self.peek()[1] == "(":
            while self.next()[1] not in (")", ""):
                pass

    def matchers(self):
        found = []
        if self.peek()[1] != "{":
            return ()
        self.next()
        while self.peek()[1] not in ("}", ""):
            if self.peek()[1] == ",":
                self.next()
                continue
            label, operator, value = self.next()[1], self.next()[1], self.next()[1]
            found.append((label, operator, value[1:-1].replace('\\"', '"')))
        self.next()
        return tuple(found)

    def selector(self, metric, functions):
        matchers = self.matchers()
        range_ = self.next()[1][1:-1] if self.peek()[0] == "range" else ""
        return Selector(metric, matchers, range_, tuple(name for name in functions if name))


def selectors(expr):
    """All series selectors of an expression, in their order."""
    reader = _Reader(expr)
    found = []
    functions = []  # one for each open parenthesis, '' for mere grouping
    pending = ""  # a name that a parenthesis may follow
    while reader.peek()[0] != "end":
        kind, text = reader.next()
        if kind == "name":
            word = text.lower()
            follower = reader.peek()[1]
            if word in LABEL_LISTS:
                reader.skip_label_list()
            elif word in KEYWORDS:
                pending = ""
            elif follower == "(" or follower.lower() in ("by", "without"):
                pending = word
            else:
                found.append(reader.selector(text, functions))
        elif text == "{":
            reader.at -= 1
            found.append(reader.selector("", functions))
        elif text == "(":
            functions.append(pending)
            pending = ""
        elif text == ")" and functions:
            functions.pop()
    return found
