// `meseta completion bash|zsh|fish`: a script that completes commands and options, made from the commands themselves.
import type { Command } from 'commander'

/** The script for a shell; load it with `source <(npx meseta completion bash)` or the like. */
export function completionScript(shell: 'bash' | 'zsh' | 'fish', program: Command): string {
  return shell === 'fish' ? fish(program) : bash(program, shell === 'zsh')
}

/** A command's place, such as `task logs`, and the words that may follow it. */
function places(program: Command): readonly { readonly path: string; readonly words: readonly string[] }[] {
  const visit = (command: Command, path: string): { path: string; words: string[] }[] => [
    { path, words: [...command.commands.map((sub) => sub.name()), ...optionsOf(command)] },
    ...command.commands.flatMap((sub) => visit(sub, `${path} ${sub.name()}`.trim())),
  ]
  return visit(program, '')
}

function optionsOf(command: Command): string[] {
  return [...command.options.flatMap(({ long }) => long ?? []), '--help']
}

function bash(program: Command, isZsh: boolean): string {
  const commands = program.commands.flatMap((command) => [
    command.name(),
    ...command.commands.map((sub) => `${command.name()} ${sub.name()}`),
  ])
  const cases = places(program).map(({ path, words }) => `    '${path}') words='${words.join(' ')}' ;;`)
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the shell expands these
  return [
    ...(isZsh ? ['autoload -U +X bashcompinit && bashcompinit'] : []),
    '_meseta() {',
    '  local word="${COMP_WORDS[COMP_CWORD]}" path=\'\' next words i',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    '    next="${path:+$path }${COMP_WORDS[i]}"',
    `    case " ${commands.map((command) => command.replace(' ', '_')).join(' ')} " in *" \${next/ /_} "*) path="$next" ;; esac`,
    '  done',
    '  case "$path" in',
    ...cases,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
    '}',
    'complete -F _meseta meseta',
  ].join('\n')
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the shell expands these
}

function fish(program: Command): string {
  const options = (command: Command, condition: string) =>
    command.options.flatMap(({ long, description }) =>
      long == null ? [] : [`complete -c meseta ${condition} -l ${long.slice(2)} -d ${quoted(description)}`],
    )
  const lines = program.commands.flatMap((command) => [
    `complete -c meseta -n __fish_use_subcommand -a ${command.name()} -d ${quoted(command.description())}`,
    ...options(command, `-n '__fish_seen_subcommand_from ${command.name()}'`),
    ...command.commands.flatMap((sub) => [
      `complete -c meseta -n '__fish_seen_subcommand_from ${command.name()}' -a ${sub.name()} -d ${quoted(sub.description())}`,
      ...options(
        sub,
        `-n '__fish_seen_subcommand_from ${command.name()}; and __fish_seen_subcommand_from ${sub.name()}'`,
      ),
    ]),
  ])
  return ['complete -c meseta -f', ...options(program, '-n __fish_use_subcommand'), ...lines].join('\n')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "\\'")}'`
}
