/** Text of several shell lines: continued lines, and embedded code of other languages. */
import { MAX_LINE_CHARACTERS } from './shell-lines.ts';

/** Every line and, in addition, lines joined at trailing backslashes, up to the maximum length of a line. */
export const shellLines = (text: string): string[] => {
  const lines = text.split(/\r?\n/);
  const whole: string[] = [];
  let begun = '';
  for (const line of lines) {
    const goesOn = line.endsWith('\\');
    const more = `${begun}${goesOn ? `${line.slice(0, -1).trim()} ` : line.trim()}`;
    if (more.length > MAX_LINE_CHARACTERS) begun = '';
    else if (goesOn) begun = more;
    else {
      if (begun !== '') whole.push(more);
      begun = '';
    }
  }
  return begun === '' ? [...lines, ...whole] : [...lines, ...whole, begun];
};

const HEREDOC = /<<-?\s{0,9}(["'\\]?)([A-Za-z_]\w{0,99})/;
/** An option that takes code, with a quote the line does not close. */
const CODE_BEGINS = /\s(?:-c|-e|-p|--eval|--print)[ =]?(["'])(?:(?!\1).)*$/;

/** The content of heredocs and of quoted code that spans several lines. */
export const embeddedCode = (text: string): string[] => {
  const bodies: string[] = [];
  let [body, isEnd]: [string[], ((line: string) => boolean) | undefined] = [[], undefined];
  for (const line of text.split(/\r?\n/)) {
    if (isEnd !== undefined) {
      body.push(line);
      if (!isEnd(line)) continue;
      bodies.push(body.join('\n'));
      [body, isEnd] = [[], undefined];
      continue;
    }
    const part = line.slice(0, MAX_LINE_CHARACTERS);
    const [, , word] = HEREDOC.exec(part) ?? [];
    const [, quote] = word === undefined ? (CODE_BEGINS.exec(part) ?? []) : [];
    if (word !== undefined) isEnd = (one) => one.trim() === word;
    else if (quote !== undefined) isEnd = (one) => one.includes(quote);
  }
  return isEnd === undefined ? bodies : [...bodies, body.join('\n')];
};

/**
 * Rewrites a line that runs in one repository as it would read in another, if it leads there: the repositories of a
 * workspace are checked out side by side.
 */
export const linesInto = (line: string, repository: string): string[] => {
  const plain = (
    OUT.test(line) ? line.replace(OUT, '$1 ./').replaceAll(` ${repository}/`, ` ../${repository}/`) : line
  ).replace(/(?:\.\.\/)+/g, '../');
  const into = [`../${repository}`, `/workspace/${repository}`].reduce(
    (text, place) => text.replaceAll(place, '.'),
    plain,
  );
  return into === plain ? [] : [into];
};
/** Changes to the folder that holds all repositories, or further up. */
const OUT = /(^|[\s;&|(])cd\s{1,4}["']?(?:\.\.\/?){1,20}["']?(?=$|[\s;&|)])/g;

/** Whether a line may lead out of its repository. */
export const leadsOut = (line: string): boolean => line.includes('..') || line.includes('/workspace/');
