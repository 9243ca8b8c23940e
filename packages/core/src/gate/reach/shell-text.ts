/** Texts of several shell lines: lines that go on below, and code of other languages in between. */
import { MAX_LINE_CHARACTERS } from './shell-lines.ts';

/** Each line, and in addition those that a backslash at their end continues as a whole, as long as one line may be. */
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
/** A quote that the line does not close. */
const CODE_BEGINS = /\s(?:-c|-e|-p|--eval|--print)[ =]?(["'])(?:(?!\1).)*$/;

/** What stands in heredocs, and in quoted code over several lines. */
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

/** Repositories of a workspace lie beside each other, so a line of one may run what lies in another. */

/** A line that is run in one repository as it would be written in another, when it leads there. */
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
/** It goes to where all repositories lie, and on from there. */
const OUT = /(^|[\s;&|(])cd\s{1,4}["']?(?:\.\.\/?){1,20}["']?(?=$|[\s;&|)])/g;

/** Whether a line may lead out of its repository. */
export const leadsOut = (line: string): boolean => line.includes('..') || line.includes('/workspace/');
