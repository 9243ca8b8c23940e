/** Errors of a sandbox itself: not running, dead, removed, too many; and of its ports. */
import { z } from 'zod';
import type { ErrorShape } from './kernel/error.ts';

const MOST_NAMED = 10;

const heldBy = (holders: {
  readonly manual: readonly string[];
  readonly kept: readonly string[];
  readonly working: number;
}): string => {
  const named = (ids: readonly string[], what: string): string[] => {
    const more = ids.length > MOST_NAMED ? ', …' : '';
    return ids.length === 0 ? [] : [`${ids.length} ${what}: ${ids.slice(0, MOST_NAMED).join(', ')}${more}`];
  };
  const parts = [
    ...named(holders.manual, 'created manually'),
    ...named(holders.kept, 'kept after their tasks'),
    `${holders.working} in use by running work`,
  ];
  return ` (${parts.join('; ')})`;
};

export const SANDBOX_ERRORS = {
  'sandbox.not_running': {
    kind: 'conflict',
    data: z.object({ id: z.string(), state: z.string() }),
    message: (d) => `Sandbox ${d.id} is ${d.state}, not running.`,
  },
  'sandbox.unreachable': {
    kind: 'unavailable',
    data: z.object({ id: z.string(), detail: z.string() }),
    message: (d) => `Sandbox ${d.id} is not responding: ${d.detail}`,
  },
  'port.closed': {
    kind: 'unavailable',
    data: z.object({ id: z.string(), port: z.int(), detail: z.string() }),
    message: (d) => `Nothing could be reached at port ${d.port} of sandbox ${d.id}: ${d.detail}`,
    hint: 'Start the program in the sandbox first; it must listen on TCP at 127.0.0.1, ::1 or all addresses.',
  },
  'sandbox.outdated': {
    kind: 'gone',
    data: z.object({ id: z.string(), guest: z.int(), server: z.int() }),
    message: (d) =>
      `Sandbox ${d.id} was made by another version of Berth: its guest speaks version ${d.guest} of the protocol, this server ${d.server}.`,
    hint: 'One of a task is made anew from its disk by itself. Another one is removed (`berth sandbox remove`) and made anew; its files can be read again by the version that made it.',
  },
  'sandbox.died': {
    kind: 'gone',
    data: z.object({
      id: z.string(),
      reason: z.string(),
      /** How many of its machines died in the same work. */
      times: z.number().optional(),
    }),
    message: ({ id, reason, times }) =>
      times === undefined
        ? `Sandbox ${id} died: ${reason}.`
        : `Sandbox ${id} died ${times} times during the same work; last cause: ${reason}.`,
    hint: 'Its files are kept until it is removed (`berth sandbox remove`); the work of a task is on its branch. If it ran out of memory, raise `limits.memoryBytes` of the workspace.',
  },
  'sandbox.removed': {
    kind: 'gone',
    data: z.object({ id: z.string(), by: z.string(), byName: z.string().optional() }),
    message: ({ id, by, byName }) =>
      `Sandbox ${id} was removed by ${byName === undefined ? by : `${byName} (${by})`} while work was running in it.`,
    hint: 'Work the agent saved is on the task branch; `berth task retry` continues from there in a new sandbox.',
  },
  'sandbox.limit_reached': {
    kind: 'exhausted',
    data: z.object({
      limit: z.number(),
      /**
       * Sandbox ids by what holds them: created manually, kept after a task; `working` counts those in use by running
       * work.
       */
      holders: z
        .object({ manual: z.array(z.string()), kept: z.array(z.string()), working: z.number() })
        .optional(),
    }),
    message: ({ limit, holders }) =>
      `The limit of ${limit} sandboxes is reached${holders === undefined ? '' : heldBy(holders)}.`,
    hint: 'Remove sandboxes you no longer need (`berth sandbox remove`), or raise `defaults.maxSandboxes`.',
  },
} as const satisfies Record<string, ErrorShape>;
