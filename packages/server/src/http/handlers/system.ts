import { type Check, fail, finalOf, sandboxStates, UNENDED_TASK_STATES } from '@berth/contract';
import type { Clock, Queue, Store } from '@berth/core';
import type { AgentFacts } from '../../agents/agents.ts';
import type { Drivers } from '../../machines/drivers.ts';
import type { EventFeed } from '../event-feed.ts';
import type { HandlersOf } from '../handler-types.ts';
import type { Metrics } from '../metrics.ts';

export interface SystemParts {
  readonly drivers: Pick<Drivers, 'defaultName' | 'findDefault' | 'describe'>;
  readonly agents: { describe(): Promise<AgentFacts[]> };
  readonly modelProviders: readonly string[];
  readonly queue: Pick<Queue, 'stats'>;
  /** Whether the core takes work. */
  readonly isWorking: () => boolean;
  /** Tests every requirement. */
  readonly doctor: () => Promise<Check[]>;
  /** Begins the stop of this server. Resolves when the stop may begin: at once, or when no sandbox is left. */
  readonly shutdown: (options: { readonly removeSandboxes?: boolean | undefined }) => Promise<void>;
}

export interface ServerInfo {
  readonly version: string;
  readonly address: string;
  readonly uptimeMs: number;
}

export interface SystemDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly feed: EventFeed;
  readonly metrics: Metrics;
  readonly info: () => ServerInfo;
  readonly system: SystemParts;
}

/** A probe writes to the disk; anyone may probe, so a result is cached this long. */
const PROBE_MS = 1000;

export const systemHandlers = (deps: SystemDeps): HandlersOf<'system'> => {
  const { store, feed, metrics, info, system } = deps;
  const checks = remembered(deps.clock, async () => [await storeCheck(store), workCheck(system.isWorking())]);
  return {
    'system.health': async () => {
      const found = await checks();
      const counts = await store.read(async (tx) => ({
        sandboxes: await tx.table('sandboxes').count({ state: THERE }),
        tasks: await tx.table('tasks').count({ state: UNENDED_TASK_STATES }),
      }));
      const status = found.every(({ ok }) => ok) ? 'ok' : 'degraded';
      return { status, ...info(), defaultDriver: system.drivers.defaultName, ...counts, checks: found };
    },
    'system.ready': async () => {
      const found = await checks();
      const failed = found.filter(({ ok }) => !ok);
      if (failed.length > 0) {
        const reason = failed.map(({ name, detail }) => `${name}: ${detail}`).join('; ');
        throw fail('server.not_ready', { reason });
      }
      return { ready: true, checks: found };
    },
    'system.live': async () => ({ live: true }),
    'system.stats': async () => {
      const jobs = await system.queue.stats();
      const { reason: defaultDriverReason } = await system.drivers.findDefault();
      return store.read(async (tx) => ({
        jobs,
        defaultDriverReason,
        sandboxes: await tx.table('sandboxes').countBy('state'),
        tasks: await tx.table('tasks').countBy('state'),
        changes: await tx.table('changes').countBy('state'),
        lastSeq: await tx.lastSeq(),
        eventClients: feed.readers(),
        memoryBytes: process.memoryUsage.rss(),
      }));
    },
    'system.metrics': () => metrics.registry.metrics(),
    'system.capabilities': async () => ({
      drivers: await system.drivers.describe(),
      agents: await system.agents.describe(),
      modelProviders: [...system.modelProviders],
    }),
    'system.doctor': async () => ({ checks: await system.doctor() }),
    'system.shutdown': async ({ body }) => {
      await system.shutdown(body);
      return { stopping: true, pid: process.pid };
    },
  };
};

const workCheck = (isWorking: boolean): Check => ({
  name: 'work',
  ok: isWorking,
  detail: isWorking ? 'Tasks are taken from the queue.' : 'The server is starting or stopping.',
});

const storeCheck = async (store: Store): Promise<Check> => {
  try {
    await store.check();
    return { name: 'store', ok: true, detail: 'A durable write succeeded.' };
  } catch {
    // The probe is public: the cause is logged by the next writer, not returned.
    return {
      name: 'store',
      ok: false,
      detail: 'A durable write failed.',
      hint: 'Check the disk of the home folder.',
    };
  }
};

const GONE: readonly string[] = finalOf(sandboxStates);
const THERE = Object.keys(sandboxStates).filter((state) => !GONE.includes(state));

const remembered = <T>(clock: Clock, ask: () => Promise<T>): (() => Promise<T>) => {
  let askedAt = Number.NEGATIVE_INFINITY;
  let answer: Promise<T> | undefined;
  return () => {
    if (answer === undefined || clock.now() - askedAt >= PROBE_MS) {
      askedAt = clock.now();
      answer = ask();
    }
    return answer;
  };
};
