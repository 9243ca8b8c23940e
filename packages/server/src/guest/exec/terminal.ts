/** A terminal inside a sandbox. */
import type { Duplex } from 'node:stream';
import { GUEST_PATHS } from '@berth/contract/guest';
import { GuestPty, type GuestPtyStart } from '@berth/contract/guest-messages';
import { z } from 'zod';
import type { ProcessAddress } from './process-address.ts';

export interface Terminal {
  readonly id: string;
  /** Raw bytes in both directions, starting with what is left of the scrollback. Ends when the program ends. */
  readonly stream: Duplex;
  resize(columns: number, rows: number): Promise<void>;
  /** How it ended; undefined while it runs. */
  exit(): Promise<GuestPty['exit']>;
  kill(): Promise<void>;
}

/** Opens a terminal, or attaches to the one with this id. Rejects with `exec.not_startable`. */
export const openTerminal = async ({ link }: ProcessAddress, start: GuestPtyStart): Promise<Terminal> => {
  const path = `${GUEST_PATHS.pty}${encodeURIComponent(start.id)}`;
  const body = Buffer.from(JSON.stringify(start));
  await link.repeat((control) => control.json({ method: 'POST', path: GUEST_PATHS.ptys, body }, GuestPty));
  const stream = await link.repeat((control) => control.duplex({ method: 'POST', path: `${path}/attach` }));
  const Done = z.object({});
  return {
    id: start.id,
    stream,
    resize: async (columns, rows) => {
      const call = { method: 'POST', path: `${path}/size`, query: { columns, rows } } as const;
      await link.repeat((control) => control.json(call, Done));
    },
    exit: async () => (await link.repeat((control) => control.json({ method: 'GET', path }, GuestPty))).exit,
    kill: async () => {
      await link.repeat((control) => control.json({ method: 'DELETE', path }, Done));
    },
  };
};
