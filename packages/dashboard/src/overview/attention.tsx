import { type Event, isFinal, sandboxStates } from '@berth/contract';
import type { Client } from '@berth/sdk';
import { ofNouns, useLive } from '../live/use-live.ts';
import { taskAddress } from '../shell/route.ts';
import { Card } from '../ui/card.tsx';
import { StateBadge } from '../ui/state-badge.tsx';
import { Ago } from '../ui/times.tsx';

const SHOWN_PER_STATE = 5;

/** What needs a user's decision or repair; renders nothing when there is none. */
interface Concern {
  readonly key: string;
  readonly state: string;
  readonly title: string;
  readonly detail: string | undefined;
  readonly at?: number;
  readonly address?: string;
}

export const Attention = () => {
  const { value: concerns = [] } = useLive({
    key: 'attention',
    read: readConcerns,
    concerns: isAboutConcerns,
  });
  if (concerns.length === 0) return null;
  return (
    <Card title="Needs attention" aside={<span className="soft">{concerns.length}</span>}>
      <ul className="rows">
        {concerns.map(({ key, state, title, detail, at, address }) => (
          <li key={key} className="row">
            <StateBadge state={state} />
            <div className="grow">
              <p className="told">{address === undefined ? title : <a href={address}>{title}</a>}</p>
              {detail !== undefined && <p className="soft told clamp">{detail}</p>}
            </div>
            {at !== undefined && <Ago at={at} />}
          </li>
        ))}
      </ul>
    </Card>
  );
};

const isAboutConcerns = (event: Event): boolean => ofNouns('task', 'sandbox')(event);

const readConcerns = async (client: Client, signal: AbortSignal): Promise<readonly Concern[]> => {
  const options = { signal };
  const limit = SHOWN_PER_STATE;
  const tasks = (['waiting', 'failed', 'killed'] as const).map((state) =>
    client.tasks.list({ state, limit }, options),
  );
  const sandboxes = (['error', 'stuck'] as const).map((state) =>
    client.sandboxes.list({ state, limit }, options),
  );
  const [health, taskPages, sandboxPages] = await Promise.all([
    client.system.health({}, options),
    Promise.all(tasks),
    Promise.all(sandboxes),
  ]);
  return [
    ...health.checks
      .filter(({ ok }) => !ok)
      .map(({ name, detail, hint }) => ({
        key: name,
        state: 'broken',
        title: name,
        detail: hint === undefined ? detail : `${detail} ${hint}`,
      })),
    ...sandboxPages
      .flatMap(({ rows }) => rows)
      .filter(({ state }) => !isFinal(sandboxStates, state))
      .map(({ id, state, error, updatedAt }) => ({
        key: id,
        state,
        title: `Sandbox ${id}`,
        detail: error?.message,
        at: updatedAt,
      })),
    ...taskPages
      .flatMap(({ rows }) => rows)
      .map(({ id, state, title, error, updatedAt }) => ({
        key: id,
        state,
        title,
        detail: state === 'waiting' ? 'Its change weakens its gate: approve or reject it.' : error?.message,
        at: updatedAt,
        address: taskAddress(id),
      })),
  ];
};
