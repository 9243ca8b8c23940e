import { isFinal, type Sandbox, type StateOf, sandboxStates } from '@berth/contract';
import type { Client } from '@berth/sdk';
import { firstRows } from '../live/rows.ts';
import { ofNouns, useLive } from '../live/use-live.ts';
import { Card } from '../ui/card.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { StateBadge } from '../ui/state-badge.tsx';
import { Ago } from '../ui/times.tsx';

/** Per state. An installation stops creating sandboxes long before. */
const MAX_ROWS = 200;
// The keys of the table are its states.
const LIVING = (Object.keys(sandboxStates) as StateOf<typeof sandboxStates>[]).filter(
  (state) => !isFinal(sandboxStates, state),
);

export const SandboxList = () => {
  const { value, failure } = useLive({ key: 'sandboxes', read: readLiving, concerns: ofNouns('sandbox') });
  return (
    <Card title="Sandboxes">
      <FailureNote failure={failure} />
      {value?.length === 0 && <p className="empty">No sandboxes. Each attempt gets its own.</p>}
      <ul className="rows" aria-label="List of sandboxes">
        {value?.map((sandbox) => (
          <SandboxRow key={sandbox.id} sandbox={sandbox} />
        ))}
      </ul>
    </Card>
  );
};

const SandboxRow = ({ sandbox }: { readonly sandbox: Sandbox }) => {
  const { id, state, purpose, driver, isolation, egress, createdAt } = sandbox;
  return (
    <li className="row">
      <StateBadge state={state} isWork={false} />
      <div className="grow">
        <code className="told">{id}</code>
        <p className="soft told">
          {purpose} · {driver} · isolation {isolation} · egress {egress.preset}
        </p>
      </div>
      <span className="soft">
        <Ago at={createdAt} />
      </span>
    </li>
  );
};

/** Newest first. The counts tell which states to request: most sandboxes were destroyed long ago. */
const readLiving = async (client: Client, signal: AbortSignal): Promise<readonly Sandbox[]> => {
  const { sandboxes } = await client.system.stats({}, { signal });
  const lists = LIVING.filter((state) => (sandboxes[state] ?? 0) > 0).map((state) =>
    firstRows(MAX_ROWS, (page) => client.sandboxes.list({ ...page, state }, { signal })),
  );
  const found = (await Promise.all(lists)).flatMap(({ rows }) => rows);
  // A sandbox that changed state between two responses is in both.
  const unique = new Map(found.map((sandbox) => [sandbox.id, sandbox]));
  return [...unique.values()].sort((one, two) => two.createdAt - one.createdAt);
};
