/** Berth as users see it: every step through the API of a real server. */
import type { Client } from '@berth/sdk/node';
import type { Contender } from './contest.ts';

const REMOVAL_MS = 30_000;
const LOOK_AGAIN_MS = 5;

/** The caller owns the server. */
export const berthThroughApi = (client: Client): Contender => {
  const exec = async (id: string): Promise<void> => {
    const { exitCode } = await client.sandboxes.exec({ id, argv: ['/bin/true'] });
    if (exitCode !== 0) throw new Error(`/bin/true ended with ${exitCode}`);
  };
  return {
    name: 'berth',
    exec,
    start: async () => {
      const { id } = await client.sandboxes.create({ driver: 'oci' });
      await exec(id);
      return id;
    },
    remove: async (id) => {
      await client.sandboxes.remove({ id });
      await gone(client, id);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
};

/** So that a removal does not slow down the next measurement. */
const gone = async (client: Client, id: string): Promise<void> => {
  const deadline = performance.now() + REMOVAL_MS;
  while ((await client.sandboxes.get({ id })).state !== 'destroyed') {
    if (performance.now() > deadline) throw new Error(`${id} was not removed in ${REMOVAL_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
};
