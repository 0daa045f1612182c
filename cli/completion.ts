// `meseta completion bash|zsh|fish`: a script that completes commands, made from the commands themselves.
import type { Command } from 'commander'

/** The script for a shell; load it with `source <(meseta completion bash)` or the like. */
export function completionScript(shell: 'bash' | 'zsh' | 'fish', program: Command): string {
  const tree = program.commands.map(
    (command) => [command.name(), command.commands.map((sub) => sub.name())] as const,
  )
  const top = tree.map(([name]) => name).join(' ')
  const nested = tree.filter(([, subs]) => subs.length > 0)
  if (shell === 'fish') {
    return [
      'complete -c meseta -f',
      `complete -c meseta -n __fish_use_subcommand -a '${top}'`,
      ...nested.map(
        ([name, subs]) =>
          `complete -c meseta -n '__fish_seen_subcommand_from ${name}' -a '${subs.join(' ')}'`,
      ),
    ].join('\n')
  }
  const cases = nested.map(
    ([name, subs]) => `    ${name}) COMPREPLY=($(compgen -W '${subs.join(' ')}' -- "$word")) ;;`,
  )
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the shell expands these
  return [
    ...(shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit'] : []),
    '_meseta() {',
    '  local word="${COMP_WORDS[COMP_CWORD]}"',
    `  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W '${top}' -- "$word")); return; fi`,
    '  case "${COMP_WORDS[1]}" in',
    ...cases,
    '  esac',
    '}',
    'complete -F _meseta meseta',
  ].join('\n')
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the shell expands these
}
