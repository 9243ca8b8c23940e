/**
 * One part of a gate: a command in a fresh sandbox that no other part has used. No command can therefore tamper
 * with another part's tools, and all parts judge the same files. Commands that need each other share a sandbox
 * only where the driver cannot hand over their results (`check-command.ts`).
 */
import type { Evidence, JudgedBy } from '@berth/contract';
import { type PlannedCommand, runGate } from '../../gate/index.ts';
import { endChild, type FinalStep, nothingToUndo, type Step, saga } from '../../kernel/index.ts';
import type { Ports } from '../../ports.ts';
import { requestRemoval, type SandboxPlan } from '../../sandbox/index.ts';
import { staged } from '../../task/index.ts';
import { createSandbox } from '../machine/create-sandbox.ts';
import { inMachine } from '../machine/life.ts';
import { type AlteredTests, writeAltered } from './altered-files.ts';

export type GatePart = {
  readonly judgedBy: JudgedBy;
  readonly commands: readonly PlannedCommand[];
  readonly sandbox: SandboxPlan;
  /** Whose followers see the progress. Default: none. */
  readonly attemptId?: string | undefined;
  /** Parts, by index, whose results it starts from. */
  readonly needs?: readonly number[] | undefined;
  /** Whether another part needs it. */
  readonly isNeeded?: boolean | undefined;
  /** Paths in the repositories that are handed over, whatever they are. */
  readonly keep?: readonly string[] | undefined;
  /** The tests that are altered so that they must fail. */
  readonly altered?: AlteredTests | undefined;
};

type PartSteps<I extends GatePart, O> = Pick<Step<Ports, I, O, CreatedSandbox>, 'do' | 'undo' | 'unsave'>;
type CreatedSandbox = { readonly id: string; readonly driver: string; readonly root: string };

export const gateSandboxStep = <I extends GatePart, O>(): PartSteps<I, O> => ({
  do: ({ ports, input, key, signal }) =>
    reportingStage(ports, input, 'gate sandbox', () =>
      ports.sagas.run(createSandbox, {
        id: ports.ids.from('saga', key),
        input: input.sandbox,
        subject: input.sandbox.id,
        signal,
      }),
    ),
  undo: ({ ports, key }) => endChild(ports, ports.ids.from('saga', key), 'the gate was given up'),
  unsave: (tx, { input, run }) =>
    requestRemoval(tx, input.sandbox.id, { reason: 'the gate was given up', causedBy: run }),
});

interface PartRun {
  readonly part: GatePart;
  readonly machine: { readonly id: string; readonly driver: string };
  readonly key: string;
  readonly signal: AbortSignal;
}

export const runPart = (ports: Ports, { part, machine, key, signal }: PartRun): Promise<Evidence[]> =>
  reportingStage(ports, part, 'gate', () => {
    const { judgedBy, commands } = part;
    const { id, driver } = machine;
    const execId = (_: unknown, index: number): string => ports.ids.from('exec', `${key}/${index}`);
    return inMachine(ports, { id, driver, signal }, async (sandbox) => {
      // Again after a crash: a command that has begun goes on with what it has read.
      if (part.altered !== undefined) await writeAltered(ports, { sandbox, tests: part.altered, signal });
      return runGate({ sandbox, judgedBy, commands, execId, judge: ports.judge, signal });
    });
  });

export const removeStep = <I extends GatePart, O>(): FinalStep<Ports, I, O, undefined> => ({
  save: (tx, { input, run }) =>
    requestRemoval(tx, input.sandbox.id, { reason: 'the gate has run', causedBy: run }),
});

export const checkGate = saga<Ports, GatePart>('gate.check', 1)
  .step('sandbox', gateSandboxStep())
  .step('run', {
    do: ({ ports, input, out, key, signal }) =>
      runPart(ports, { part: input, machine: out.sandbox, key, signal }),
    undo: nothingToUndo('what ran has run'),
  })
  .pointOfNoReturn()
  .step('remove', removeStep())
  .returns(({ out }) => out.run);

const reportingStage = <T>(
  ports: Ports,
  part: GatePart,
  stage: string,
  work: () => Promise<T>,
): Promise<T> => {
  const { attemptId, judgedBy, commands, altered } = part;
  if (attemptId === undefined) return work();
  const names = commands.map(({ name }) => name).join(', ');
  const detail =
    judgedBy === 'change'
      ? `${names}, as the change has it`
      : `${names}${altered === undefined ? '' : ', with tests that must fail'}`;
  return staged(ports, { attemptId, stage, detail }, work);
};
