/**
 * A stream of Chat Completions says what it cost only when it is asked to. We ask on behalf of every client; the one
 * extra event that a client did not ask for is kept from it.
 */
import { parseWithin } from '@berth/plugin-api';
import { z } from 'zod';

export interface AskedForUsage {
  readonly body: Buffer;
  readonly hide: (data: unknown) => boolean;
}

const Request = z.looseObject({
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
});

export const askForUsage = (body: Buffer): AskedForUsage => {
  const request = read(body);
  if (request?.stream !== true || request.stream_options?.include_usage === true)
    return { body, hide: () => false };
  const asked = { ...request, stream_options: { ...request.stream_options, include_usage: true } };
  return { body: Buffer.from(JSON.stringify(asked)), hide: isUsageEvent };
};

const UsageEvent = z.object({ choices: z.array(z.unknown()).length(0), usage: z.object({}) });

const isUsageEvent = (data: unknown): boolean => UsageEvent.safeParse(data).success;

const read = (body: Buffer): z.infer<typeof Request> | undefined => {
  try {
    return Request.safeParse(parseWithin(body.toString('utf8'))).data;
  } catch {
    return undefined; // the provider says what is wrong with it
  }
};
