// Manual pages as man(7) wants them: plain text in, requests and escapes out.

/** Escapes what roff would take for a request or an escape. */
function escape(text) {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');
}

export const bold = (text) => `\\fB${escape(text)}\\fR`;
const italic = (text) => `\\fI${escape(text)}\\fR`;
/** Text in which `code` and <place> stand out, as the help and the docs write them. */
export const text = (source) =>
  source
    .split(/(`[^`]+`|<[^>]+>)/)
    .map((part) => {
      if (part.startsWith('`')) return bold(part.slice(1, -1));
      if (/^<.+>$/.test(part)) return italic(part.slice(1, -1));
      return escape(part);
    })
    .join('');

/** A table's name of the configuration stays as it is written there. */
export const section = (title, ...lines) => [
  `.SH ${escape(title.startsWith('[') ? title : title.toUpperCase())}`,
  ...lines,
];
export const subsection = (title, ...lines) => [`.SS ${escape(title)}`, ...lines];
export const paragraph = (source) => ['.PP', text(source)];
/** A term, set as given, and what it means. */
export const entry = (term, meaning) => ['.TP', term, meaning];
export const example = (source) => ['.PP', '.nf', '.RS', escape(source.trimEnd()), '.RE', '.fi'];

/** `date`: of the release, so that the same sources make the same page. */
export function page({ name, number, title, date, version }, lines) {
  const head = `.TH ${name.toUpperCase()} ${number} "${date}" "WarpDrive ${version}" "${title}"`;
  return `${[head, ...lines].join('\n')}\n`;
}
