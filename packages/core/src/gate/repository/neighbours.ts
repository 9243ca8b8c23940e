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
