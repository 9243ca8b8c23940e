/**
 * Landings that started before gates had parts: `change.land@1`, in both of its shapes. Their plans and
 * verdicts are no longer understood, so they are undone and the change is landed again by version 2. One
 * whose target may already have moved is completed.
 */
import {
  advanceTargets,
  changeRef,
  dropRef,
  judgeRef,
  type MergedPart,
  withdrawTargets,
} from '../../change/index.ts';
import { endChild, move, nothingToUndo, retired, saga } from '../../kernel/index.ts';
import type { Ports } from '../../ports.ts';
import { requestRemoval } from '../../sandbox/index.ts';
import type { GatePart } from '../gate/check-gate.ts';
import { endParts } from '../gate/gate-parts.ts';
import { breakGate, type LandInput, landed, reject, repositoriesOf } from './land-change.ts';

type PlanOfThen = {
  readonly gateRunId: string;
  /** In the first shape, the sandbox of the whole gate. */
  readonly sandbox?: { readonly id: string } | undefined;
  /** In the second shape. */
  readonly parts?: readonly GatePart[] | undefined;
};

export const landChange1 = retired(
  saga<Ports, LandInput>('change.land', 1)
    .step('record', {
      undo: nothingToUndo('the record stays, to say why the change did not land'),
      unsave: (tx, { input, run }) => reject(tx, input.changeId, run),
    })
    .step<'merge', MergedPart[]>('merge', {
      undo: ({ ports, input }) =>
        dropRef(ports.hub, input.workspaceId, repositoriesOf(input), changeRef(input.changeId)),
    })
    .step<'plan', PlanOfThen>('plan', {
      undo: ({ ports, input }) =>
        dropRef(ports.hub, input.workspaceId, repositoriesOf(input), judgeRef(input.changeId)),
    })
    .step('sandbox', {
      undo: ({ ports, key }) => endChild(ports, ports.ids.from('saga', key), 'the change did not land'),
      unsave: async (tx, { out, run }) => {
        const id = out.plan.sandbox?.id;
        if (id !== undefined)
          await requestRemoval(tx, id, { reason: 'the change did not land', causedBy: run });
      },
    })
    .step('gateRun', {
      undo: nothingToUndo('the record stays; a gate that did not come to a verdict is broken'),
      unsave: (tx, { out, run }) => breakGate(tx, out.plan.gateRunId, run),
    })
    .step('gate', {
      undo: ({ ports, out, key }) =>
        endParts(ports, { parts: out.plan.parts ?? [], key, reason: 'the change did not land' }),
    })
    .step('approve', { undo: nothingToUndo('the record is rejected as a whole') })
    .step('advance', {
      do: ({ ports, input, out }) =>
        ports.precedence.exclusively(input.workspaceId, () =>
          advanceTargets(ports.hub, { ...input, parts: out.merge }, []),
        ),
      undo: ({ ports, input, out }) =>
        ports.precedence.exclusively(input.workspaceId, () =>
          withdrawTargets(ports.hub, { ...input, parts: out.merge }),
        ),
      tries: 5,
      decisive: true,
    })
    .pointOfNoReturn()
    .step('merged', {
      save: async (tx, { input, out, run }) => {
        const details = { commits: landed(out.merge) };
        await move(tx, 'changes', input.changeId, { trigger: 'merged', details, causedBy: run });
        const id = out.plan.sandbox?.id;
        if (id !== undefined)
          await requestRemoval(tx, id, { reason: 'the change has landed', causedBy: run });
      },
    })
    .returns(({ input, out }) => ({ changeId: input.changeId, commits: landed(out.merge) })),
);
