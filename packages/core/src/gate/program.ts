/** The program that a shell line of a gate starts with, behind what the line puts into its environment. */

export interface Program {
  readonly name: string;
  /** As the shell reads it: `PATH="$PWD/.venv/bin:$PATH"`; empty when there is none. */
  readonly environment: string;
}

const ASSIGNMENT = /[A-Za-z_]\w*=(?:"[^"]*"|'[^']*'|[^\s"';|&()<>])* +/y;
const NAME = /([\w.+-]+)(?: |$)/y;

/** Undefined when the line begins in another way. */
export const programOf = (line: string): Program | undefined => {
  const start = endOfAssignments(line);
  NAME.lastIndex = start;
  const name = NAME.exec(line)?.[1];
  return name === undefined ? undefined : { name, environment: line.slice(0, start).trim() };
};

const endOfAssignments = (line: string): number => {
  let end = 0;
  for (ASSIGNMENT.lastIndex = 0; ASSIGNMENT.test(line); ) end = ASSIGNMENT.lastIndex;
  return end;
};
