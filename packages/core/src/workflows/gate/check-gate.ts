/**
 * One part of a gate: commands that need each other, in a fresh sandbox that no other part has used. No
 * command can therefore tamper with another part's tools, and all parts judge the same files.
 */
import type { JudgedBy } from '@berth/contract';
import { type PlannedCommand, runGate } from '../../gate/index.ts';
import { endChild, nothingToUndo, saga } from '../../kernel/index.ts';
import type { Ports } from '../../ports.ts';
import { requestRemoval, type SandboxPlan } from '../../sandbox/index.ts';
import { staged } from '../../task/index.ts';
import { createSandbox } from '../machine/create-sandbox.ts';
import { inMachine } from '../machine/life.ts';

export type GatePart = {
  readonly judgedBy: JudgedBy;
  readonly commands: readonly PlannedCommand[];
  readonly sandbox: SandboxPlan;
  /** Whose followers see the progress. Default: none. */
  readonly attemptId?: string | undefined;
};

export const checkGate = saga<Ports, GatePart>('gate.check', 1)
  .step('sandbox', {
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
  })
  .step('run', {
    do: ({ ports, input, out, key, signal }) =>
      reportingStage(ports, input, 'gate', () => {
        const { judgedBy, commands } = input;
        const { id, driver } = out.sandbox;
        const execId = (_: unknown, index: number): string => ports.ids.from('exec', `${key}/${index}`);
        return inMachine(ports, { id, driver, signal }, (sandbox) =>
          runGate({ sandbox, judgedBy, commands, execId, signal }),
        );
      }),
    undo: nothingToUndo('what ran has run'),
  })
  .pointOfNoReturn()
  .step('remove', {
    save: (tx, { input, run }) =>
      requestRemoval(tx, input.sandbox.id, { reason: 'the gate has run', causedBy: run }),
  })
  .returns(({ out }) => out.run);

const reportingStage = <T>(
  ports: Ports,
  part: GatePart,
  stage: string,
  work: () => Promise<T>,
): Promise<T> => {
  const { attemptId, judgedBy, commands } = part;
  if (attemptId === undefined) return work();
  const names = commands.map(({ name }) => name).join(', ');
  const detail = judgedBy === 'target' ? names : `${names}, as the change has it`;
  return staged(ports, { attemptId, stage, detail }, work);
};
