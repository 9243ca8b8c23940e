/**
 * A stream of Chat Completions says what it cost only when it is asked to. We ask on behalf of every client; the one
 * extra event that a client did not ask for is kept from it.
 */
import { z } from 'zod';

export interface AskedForUsage {
  readonly request: Readonly<Record<string, unknown>>;
  readonly hide: (data: unknown) => boolean;
}

const Request = z.object({
  stream: z.literal(true),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
});

export const askForUsage = (request: Readonly<Record<string, unknown>>): AskedForUsage => {
  const { data: asking } = Request.safeParse(request);
  if (asking === undefined || asking.stream_options?.include_usage === true)
    return { request, hide: () => false };
  return {
    request: { ...request, stream_options: { ...asking.stream_options, include_usage: true } },
    hide: isUsageEvent,
  };
};

const UsageEvent = z.object({ choices: z.array(z.unknown()).length(0), usage: z.object({}) });

const isUsageEvent = (data: unknown): boolean => UsageEvent.safeParse(data).success;
