/**
 * One client per running sandbox, created on first use. Whoever creates a client also closes it, even if it is
 * established only after that: a client that nobody holds would keep connecting to a machine that is gone.
 */
import { fail } from '@berth/contract';
import type { SandboxClient } from '../guest/sandbox-client.ts';

export interface Clients {
  /** Rejects with `sandbox.unreachable`, also while the machine is being removed and after `close`. */
  open(driver: string, id: string): Promise<SandboxClient>;
  hangUp(id: string): Promise<void>;
  /** Closes its connections, and keeps everybody from connecting until the operation has ended. */
  without(id: string, act: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export const createClients = (connect: (driver: string, id: string) => Promise<SandboxClient>): Clients => {
  const clients = new Map<string, Promise<SandboxClient>>();
  /** How many operations in progress forbid connecting, per machine. */
  const barred = new Map<string, number>();
  let isClosed = false;

  const hangUp = async (id: string): Promise<void> => {
    const held = clients.get(id);
    clients.delete(id);
    // One that was never established has nothing to close, and its caller got the error.
    (await held?.catch(() => undefined))?.close();
  };

  return {
    hangUp,
    async open(driver, id) {
      if (isClosed) throw fail('sandbox.unreachable', { id, detail: 'the server is stopping' });
      if (barred.has(id)) throw fail('sandbox.unreachable', { id, detail: 'it is being removed' });
      const known = clients.get(id);
      if (known !== undefined) return known;
      const made = connect(driver, id);
      clients.set(id, made);
      made.catch(() => clients.get(id) === made && clients.delete(id));
      return made;
    },
    async without(id, act) {
      barred.set(id, (barred.get(id) ?? 0) + 1);
      try {
        await hangUp(id);
        await act();
      } finally {
        const others = (barred.get(id) ?? 1) - 1;
        if (others === 0) barred.delete(id);
        else barred.set(id, others);
      }
    },
    async close() {
      isClosed = true;
      await Promise.all([...clients.keys()].map(hangUp));
    },
  };
};
