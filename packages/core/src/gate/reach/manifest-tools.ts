/**
 * What a package.json change does to the packages that judge: their versions, and names that take their
 * place.
 */
import { type Manifest, manifestOf } from '../repository/manifests.ts';
import { isFramework, isTool } from '../repository/tools.ts';
import type { Reached } from './reach.ts';

const LISTS = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'] as const;
/** Anything but a registry version of the package with this name. */
const ELSEWHERE =
  /^(?:npm:|file:|link:|portal:|patch:|exec:|git[+:@]|github:|https?:|[./~])|^[\w.-]+\/[\w.-]+(?:#|$)/;

export interface ToolChange {
  readonly field: string;
  readonly detail: string;
}

export const toolChanges = (
  was: string,
  is: string,
  gate: Pick<Reached, 'words' | 'programs'>,
): ToolChange[] => {
  const [ours, theirs] = [manifestOf(was) ?? {}, manifestOf(is) ?? {}];
  const judges = (name: string): boolean => isTool(name) || gate.words.has(name);
  const isStarted = (name: string): boolean =>
    isTool(name) || (gate.programs.has(name) && !isFramework(name));
  const name = nameIn(theirs);
  const isTaken = name !== nameIn(ours) && (judges(name) || dependsOn(ours, name));
  const programs = programsIn(theirs).filter((one) => judges(one) && !programsIn(ours).includes(one));
  return [
    ...(isTaken ? [{ field: 'name', detail: `it takes the name of ${name}` }] : []),
    ...programs.map((one) => ({ field: 'bin', detail: `it brings a program ${one}` })),
    ...LISTS.flatMap((field) => {
      const names = Object.keys({ ...entriesOf(ours, field), ...entriesOf(theirs, field) });
      return names.flatMap((one) =>
        listedChange({ ours, theirs, field, name: one }, { isJudge: isStarted(one), mayJudge: judges(one) }),
      );
    }),
  ];
};

interface Listed {
  readonly ours: Manifest;
  readonly theirs: Manifest;
  readonly field: string;
  readonly name: string;
}

interface Role {
  /** A different version of it is a different judge. */
  readonly isJudge: boolean;
  /** It could replace a judge if it came from elsewhere. */
  readonly mayJudge: boolean;
}

const listedChange = ({ ours, theirs, field, name }: Listed, { isJudge, mayJudge }: Role): ToolChange[] => {
  const [old, now] = [entriesOf(ours, field)[name], entriesOf(theirs, field)[name]];
  if (old === now) return [];
  const isMoved = now === undefined && LISTS.some((other) => entriesOf(theirs, other)[name] === old);
  if (isJudge && old !== undefined && !isMoved)
    return [{ field: `${field}.${name}`, detail: `${old} → ${now ?? 'not there'}` }];
  const isElsewhere = now !== undefined && ELSEWHERE.test(now) && (mayJudge || dependsOn(ours, name));
  return isElsewhere ? [{ field: `${field}.${name}`, detail: `it comes from ${now}` }] : [];
};

const nameIn = ({ name }: Manifest): string => String(name);
const entriesOf = (manifest: Manifest, field: string): Readonly<Record<string, string>> => {
  const value = manifest[field];
  return typeof value === 'object' && value !== null ? (value as Record<string, string>) : {};
};
const dependsOn = (manifest: Manifest, name: string): boolean =>
  LISTS.some((field) => Object.hasOwn(entriesOf(manifest, field), name));
const programsIn = (manifest: Manifest): string[] =>
  typeof manifest.bin === 'string' ? [nameIn(manifest)] : Object.keys(entriesOf(manifest, 'bin'));
