"""`hygge completion bash|zsh|fish`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """Shells that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_BASH = r"""# eval "$(hygge completion bash)"   in ~/.bashrc
_hygge() {
    local found line
    COMPREPLY=()
    found=$("$1" @COMMAND@ "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || return
    if [[ $found == @FILES@ ]]; then
        compopt -o default
        return
    fi
    while IFS= read -r line; do
        [[ -n $line ]] && COMPREPLY+=("${line%%$'\t'*}")
    done <<< "$found"
}
complete -F _hygge hygge
"""

_ZSH = r"""#compdef hygge
# eval "$(hygge completion zsh)"   in ~/.zshrc
_hygge() {
    local -a found described
    local line word
    found=("${(@f)$("${(Q)words[1]}" @COMMAND@ "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ $found[1] == @FILES@ ]]; then
        _files
        return
    fi
    for line in $found; do
        word=${line%%$'\t'*}
        described+=("${word//:/\\:}${${line#$word}/$'\t'/:}")
    done
    _describe 'hygge' described
}
if [[ $funcstack[1] == _hygge ]]; then
    _hygge "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
    compdef _hygge hygge
fi
"""

_FISH = r"""# hygge completion fish | source   in ~/.config/fish/config.fish
function __hygge_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    test (count $typed) -eq 0; and set typed ""
    set -l found ($words[1] @COMMAND@ $words[2..-1] $typed 2>/dev/null)
    if test "$found[1]" = "@FILES@"
        __fish_complete_path $typed
    else
        test (count $found) -gt 0; and printf '%s\n' $found
    end
end
complete -c hygge -f -a '(__hygge_complete)'
"""

_SCRIPTS = {Shell.BASH: _BASH, Shell.ZSH: _ZSH, Shell.FISH: _FISH}


def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell: bash, zsh or fish.")],
) -> None:
    """Print a completion script for bash, zsh or fish.

    For bash and zsh: eval "$(hygge completion bash)". For fish: hygge completion fish | source.
    """
    from hygge.cli.completion_candidates import COMMAND, FILES

    script = _SCRIPTS[shell].replace("@COMMAND@", COMMAND).replace("@FILES@", FILES)
    typer.echo(script, nl=False)
