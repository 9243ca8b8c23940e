/**
 * What a package.json change does to the packages that judge: their versions, and names that take their
 * place.
 */
import { type Manifest, manifestOf } from '../repository/manifests.ts';
import { aliasIn, isKnownSpec } from '../repository/package-specs.ts';
import { isFramework, isSystemProgram, isTool } from '../repository/tools.ts';
import type { Reached } from './reach.ts';

const LISTS = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'] as const;
export interface ToolChange {
  readonly field: string;
  readonly detail: string;
}

type Gate = Pick<Reached, 'words' | 'programs'>;

export const toolChanges = (was: string, is: string, gate: Gate): ToolChange[] => {
  const [ours, theirs] = [manifestOf(was) ?? {}, manifestOf(is) ?? {}];
  const judges = (name: string): boolean => isTool(name) || gate.words.has(name);
  const isStarted = (name: string): boolean =>
    isTool(name) || (gate.programs.has(name) && !isFramework(name));
  const name = nameIn(theirs);
  const isTaken = name !== nameIn(ours) && (judges(name) || dependsOn(ours, name));
  return [
    ...(isTaken ? [{ field: 'name', detail: `it takes the name of ${name}` }] : []),
    ...programChanges(ours, theirs, gate),
    ...listedIn(ours, theirs).flatMap((listed) =>
      listedChange(listed, { isJudge: isStarted(listed.name), mayJudge: judges(listed.name) }),
    ),
  ];
};

/** The same for a manifest that no line of the gate is known to use, but which a set-up may install. */
export const installChanges = (was: string, is: string, gate: Gate): ToolChange[] => {
  const [ours, theirs] = [manifestOf(was) ?? {}, manifestOf(is) ?? {}];
  return [
    ...programChanges(ours, theirs, gate),
    ...listedIn(ours, theirs).flatMap((listed) => listedChange(listed, { isJudge: false, mayJudge: false })),
  ];
};

const programChanges = (ours: Manifest, theirs: Manifest, { words }: Gate): ToolChange[] =>
  programsIn(theirs)
    .filter((one) => isTool(one) || isSystemProgram(one) || words.has(one))
    .filter((one) => !programsIn(ours).includes(one))
    .map((one) => ({ field: 'bin', detail: `it brings a program ${one}` }));

const listedIn = (ours: Manifest, theirs: Manifest): Listed[] =>
  LISTS.flatMap((field) =>
    Object.keys({ ...entriesOf(ours, field), ...entriesOf(theirs, field) }).map((name) => ({
      ...{ ours, theirs, field, name },
    })),
  );

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
  if (now === undefined) return [];
  const alias = typeof now === 'string' ? aliasIn(now) : undefined;
  const isOther = alias !== undefined && alias !== name && (mayJudge || dependsOn(ours, name));
  return isOther || !isKnownSpec(now)
    ? [{ field: `${field}.${name}`, detail: `it comes from ${String(now)}` }]
    : [];
};

const nameIn = ({ name }: Manifest): string => String(name);
const entriesOf = (manifest: Manifest, field: string): Readonly<Record<string, string>> => {
  const value = manifest[field];
  return typeof value === 'object' && value !== null ? (value as Record<string, string>) : {};
};
const dependsOn = (manifest: Manifest, name: string): boolean =>
  LISTS.some((field) => Object.hasOwn(entriesOf(manifest, field), name));
const programsIn = (manifest: Manifest): string[] =>
  typeof manifest.bin === 'string'
    ? [nameIn(manifest)]
    : Object.keys(entriesOf(manifest, 'bin')).map((one) => one.split(/[/\\:]/).at(-1) ?? one);
