// The completion script of zsh: one function for each command, in the words of _arguments. Static, like that of bash.
// Not here: the tree (tree.ts).

import { type CompletedCommand, flat, type Value } from './tree.js';

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
/** Colons and brackets have a meaning in a spec of _arguments. */
const plain = (text: string): string => text.replaceAll(/[[\]:\\]/g, '\\$&');
const functionOf = (path: string): string => `_sotto${path === '' ? '' : `_${path.replaceAll(/[ -]/g, '_')}`}`;

function actionOf(value: Value): string {
  if (value.kind === 'words') return `(${value.words.join(' ')})`;
  return value.kind === 'path' ? '_files' : ' ';
}

export function zshScript(tree: CompletedCommand): string {
  return `#compdef sotto
# zsh completion of sotto. Load it with: source <(sotto completion zsh), after compinit
${flat(tree).map(bodyOf).join('\n')}
compdef _sotto sotto
`;
}

function bodyOf({ path, options, takes, commands }: CompletedCommand): string {
  const specs = options.flatMap(({ names, says, value }) => {
    const alone = names.length > 1 ? `(${names.join(' ')})` : '';
    const taken = value === undefined ? '' : `:value:${actionOf(value)}`;
    return names.map((name) => quoted(`${alone}${name}[${plain(says)}]${taken}`));
  });
  if (commands.length === 0) {
    const places = takes.map((value) => quoted(`*:argument:${actionOf(value)}`)).slice(0, 1);
    return `${functionOf(path)}() {
  _arguments -S ${[...specs, ...places].join(' \\\n    ')}
}`;
  }
  const names = commands.map(({ name, says }) => quoted(`${name}:${says.replaceAll(':', '\\:')}`));
  const cases = commands.map(({ name, path: below }) => `    ${quoted(name)}) ${functionOf(below)} ;;`);
  return `${functionOf(path)}() {
  local line state
  _arguments -C ${[...specs, quoted('1: :->command'), quoted('*::argument:->argument')].join(' \\\n    ')}
  if [[ $state == command ]]; then
    local -a commands=(${names.join(' ')})
    _describe command commands
  elif [[ $state == argument ]]; then
    case $line[1] in
${cases.join('\n')}
    esac
  fi
}`;
}
