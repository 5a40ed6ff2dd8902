// A command's manual page and its bash completion, both from the same description of the command that prints its help.

import { bold, entry, paragraph, section, subsection, text } from './roff.mjs';

/** An option as one types it, and what it does. */
function optionEntry(option) {
  const [flags, place] = option.flags.split(/ (?=[<[])/);
  const { defaultValue: value } = option;
  const isTold = value !== undefined && value !== false;
  const fallback = isTold ? ` (default: ${value})` : '';
  const choices = option.argChoices === undefined ? '' : ` One of: ${option.argChoices.join(', ')}.`;
  const term = place === undefined ? bold(flags) : `${bold(flags)} ${text(place)}`;
  return entry(term, text(`${option.description}${fallback}${choices}`));
}

const visibleOptions = (command) => command.createHelp().visibleOptions(command);
const visibleCommands = (command) => command.createHelp().visibleCommands(command);

function commandEntries(command) {
  const own = visibleOptions(command).filter(({ long }) => long !== '--help');
  const below = command.commands.flatMap(commandEntries);
  if (below.length > 0) return below;
  const usage = command.createHelp().commandUsage(command);
  const names = command.registeredArguments.map((argument) =>
    entry(text(`<${argument.name()}>`), text(argument.description)),
  );
  return [...subsection(usage), text(command.description()), ...[...names, ...own.map(optionEntry)].flat()];
}

/** `more`: sections after the options. */
export function commandPage(program, summary, more) {
  const synopsis = program.createHelp().commandUsage(program);
  return [
    ...section('Name', `${program.name()} \\- ${text(summary)}`),
    ...section('Synopsis', text(synopsis)),
    ...section('Description', text(program.description())),
    ...section('Options', ...visibleOptions(program).flatMap(optionEntry)),
    ...(program.registeredArguments.length > 0
      ? section(
          'Arguments',
          ...program.registeredArguments.flatMap((argument) =>
            entry(text(`<${argument.name()}>`), text(argument.description)),
          ),
        )
      : []),
    ...(program.commands.length > 0
      ? section('Commands', ...program.commands.filter((command) => !command._hidden).flatMap(commandEntries))
      : []),
    ...more,
  ];
}

export const exitCodes = (rows) =>
  section('Exit status', ...rows.flatMap(([code, meaning]) => entry(bold(code), text(meaning))));

export const files = (rows) =>
  section('Files', ...rows.flatMap(([path, meaning]) => entry(bold(path), text(meaning))));

export const seeAlso = (...pages) =>
  section('See also', ...paragraph(pages.map((page) => `\`${page}\``).join(', ')));

const words = (list) => list.join(' ');
const flagsOf = (command) =>
  visibleOptions(command).flatMap(({ short, long }) => [short, long].filter((flag) => flag !== undefined));
const pathFlags = (command, pattern) =>
  visibleOptions(command)
    .filter(({ flags }) => pattern.test(flags))
    .flatMap(({ short, long }) => [short, long].filter((flag) => flag !== undefined));

/** One case of the completion: after these words, these words can follow. */
function cases(command, path = []) {
  const below = visibleCommands(command).filter(({ _name }) => _name !== 'help');
  const takesFiles = command.registeredArguments.some(({ _name }) => _name === 'files');
  const offered = words([...below.map((sub) => sub.name()), ...flagsOf(command)]);
  const line = `    '${path.join(' ')}') words='${offered}'; files=${takesFiles ? 1 : ''} ;;`;
  return [line, ...below.flatMap((sub) => cases(sub, [...path, sub.name()]))];
}

/** `words`: what may follow a program without commands. */
export function completion(program, { arguments: given = [] } = {}) {
  const name = program.name();
  const all = [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)];
  const collect = (pattern) => [...new Set(all.flatMap((command) => pathFlags(command, pattern)))].join('|');
  const choices = program.options
    .filter(({ argChoices }) => argChoices !== undefined)
    .map(
      ({ long, argChoices }) =>
        `    ${long}) COMPREPLY=($(compgen -W '${words(argChoices)}' -- "$current")); return ;;`,
    );
  const names = visibleCommands(program).map((command) => command.name());
  return [
    `# bash completion for ${name}; made from the same description as its help`,
    `_${name}() {`,
    '  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} path= word words files=',
    '  COMPREPLY=()',
    '  case $previous in',
    ...[
      [collect(/<folder>/), 'compgen -d'],
      [collect(/<file>/), 'compgen -f'],
    ]
      .filter(([flags]) => flags !== '')
      .map(([flags, how]) => `    ${flags}) COMPREPLY=($(${how} -- "$current")); return ;;`),
    ...choices,
    '  esac',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    `    case $word in ${[...new Set([...names, ...program.commands.flatMap(({ commands }) => commands.map((sub) => sub.name()))])].join('|') || '-'})`,
    '      path="${path:+$path }$word" ;;',
    '    esac',
    '  done',
    '  case $path in',
    ...cases(program),
    '  esac',
    `  COMPREPLY=($(compgen -W "$words${given.length > 0 ? ` ${words(given)}` : ''}" -- "$current"))`,
    '  if [ -n "$files" ]; then COMPREPLY+=($(compgen -f -- "$current")); fi',
    '}',
    `complete -o filenames -F _${name} ${name}`,
    '',
  ].join('\n');
}
