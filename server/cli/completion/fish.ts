// The completion script of fish: one line for each command and option, under the condition that its command is on the line.
// Not here: the tree (tree.ts).

import { type CompletedCommand, flat, type Value } from './tree.js';

/** Inside single quotes of fish. */
const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function takenBy(value: Value): string {
  if (value.kind === 'words') return ` -x -a ${quoted(value.words.join(' '))}`;
  return value.kind === 'path' ? ' -r -F' : ' -x';
}

export function fishScript(tree: CompletedCommand): string {
  return `# fish completion of sotto. Load it with: sotto completion fish | source
function __sotto_is
  # The commands on the line so far, without options, start with those asked for and name no further one.
  set -l words (commandline -xpc 2>/dev/null; or commandline -opc)
  set -l path
  for word in $words[2..-1]
    if contains -- (string join -- ' ' $path $word) ${flat(tree)
      .filter(({ path }) => path !== '')
      .map(({ path }) => quoted(path))
      .join(' ')}
      set -a path $word
    end
  end
  set -l here (string join -- ' ' $path)
  test "$here" = "$argv"
end
complete -c sotto -f
${flat(tree).flatMap(linesOf).join('\n')}
`;
}

function linesOf({ path, options, takes, commands }: CompletedCommand): string[] {
  const when = `complete -c sotto -n ${quoted(path === '' ? "__sotto_is ''" : `__sotto_is ${path}`)}`;
  return [
    ...commands.map(({ name, says }) => `${when} -a ${quoted(name)} -d ${quoted(says)}`),
    ...takes.flatMap((value) =>
      value.kind === 'words'
        ? [`${when} -a ${quoted(value.words.join(' '))}`]
        : value.kind === 'path'
          ? [`${when} -F`]
          : [],
    ),
    ...options.map(({ names, says, value }) => {
      const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
      return `${when} ${flags.join(' ')} -d ${quoted(says)}${value === undefined ? '' : takenBy(value)}`;
    }),
  ];
}
