/** Repositories of a workspace lie beside each other, so a line of one may run what lies in another. */

/** A line that is run in one repository as it would be written in another, when it leads there. */
export const linesInto = (line: string, repository: string): string[] => {
  const plain = line.replace(/(?:\.\.\/)+/g, '../');
  const into = [`../${repository}`, `/workspace/${repository}`].reduce(
    (text, place) => text.replaceAll(place, '.'),
    plain,
  );
  return into === plain ? [] : [into];
};
