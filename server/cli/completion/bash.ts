// The completion script of bash (3.2 and newer, without the bash-completion package). It is static: nothing of ours runs, and nothing that
// was typed is evaluated, when somebody presses Tab. Not here: the tree (tree.ts).

import { type CompletedCommand, flat, type Value } from './tree.js';

/** Inside single quotes of a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const wordsOf = (value: Value): string => (value.kind === 'words' ? value.words.join(' ') : '');

export function bashScript(tree: CompletedCommand): string {
  const all = flat(tree);
  const paths = all.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  const taking = all.flatMap(({ path, options }) =>
    options.flatMap(({ names, value }) => (value === undefined ? [] : names.map((name) => ({ path, name, value })))),
  );
  const values = taking.map(({ path, name, value }) => {
    const what =
      value.kind === 'words' ? `words=${quoted(wordsOf(value))}` : value.kind === 'path' ? 'files=1' : 'nothing=1';
    return `    ${quoted(`${path}:${name}`)}) ${what} ;;`;
  });
  const commands = all.map(({ path, options, commands: below, takes }) => {
    const words = [...below.map(({ name }) => name), ...takes.map(wordsOf)].filter((word) => word !== '').join(' ');
    const flags = options.flatMap(({ names }) => names).join(' ');
    const files = takes.some(({ kind }) => kind === 'path') ? ' files=1' : '';
    return `    ${quoted(path)}) words=${quoted(words)} flags=${quoted(flags)}${files} ;;`;
  });
  return `# bash completion of sotto. Load it with: source <(sotto completion bash)
_sotto() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  local path='' next i words='' flags='' files='' nothing=''
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="\${path:+$path }\${COMP_WORDS[i]}"
    case "$next" in
      ${paths.join('|')}) path=$next ;;
    esac
  done
  case "$path:$prev" in
${values.join('\n')}
  esac
  if [[ -z $words$files$nothing ]]; then
    case "$path" in
${commands.join('\n')}
    esac
  fi
  if [[ $cur == -* ]]; then words=$flags files=''; fi
  if [[ -n $words ]]; then
    while IFS='' read -r next; do COMPREPLY+=("$next"); done < <(compgen -W "$words" -- "$cur")
  fi
  if [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    while IFS='' read -r next; do COMPREPLY+=("$next"); done < <(compgen -f -- "$cur")
  fi
}
complete -F _sotto sotto
`;
}
