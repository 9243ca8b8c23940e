/** The client for Node programs: also speaks over the server's Unix socket. */
import { createClient as createHttpClient } from './client.ts';
import type { Client, ClientOptions } from './client-type.ts';
import { unixFetch } from './unix-fetch.ts';

/** Like `createClient` of `@berth/sdk`; `address` may be `unix:/absolute/path/of/berth.sock`. */
export const createClient = (options: ClientOptions): Client =>
  options.address.startsWith('unix:')
    ? createHttpClient({
        ...options,
        fetch: unixFetch(options.address.slice('unix:'.length)),
      })
    : createHttpClient(options);

export type { Client, ClientOptions } from './client-type.ts';
export { connectPort, type PortConnection, type PortInput } from './port.ts';
export { CALL_LIMITS, type CallLimits } from './silence.ts';
