"""What an error says."""

import pytest


def message_of(kind, call, *arguments, **keywords):
    with pytest.raises(kind) as caught:
        call(*arguments, **keywords)
    assert caught.type is kind
    return str(caught.value)
