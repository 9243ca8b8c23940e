/**
 * The one handler of all uplinks. What is asked of `berth.internal` goes to whoever answers there, by the first part of
 * the path; everything else is egress. The connection itself says which sandbox asks; tokens say what it may, and only in
 * the sandbox that they were made for.
 */
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { INTERNAL_AUTHORITY } from '@berth/contract/guest';
import type { UplinkHandler } from '../guest/channel/uplink.ts';
import type { Egress } from './egress/egress.ts';
import type { GrantWatch } from './grant-watch.ts';

/** Asked at `berth.internal`, for one sandbox; `path` is what follows the name, with its query. */
export type AnswerInside = (
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  asked: { readonly path: string; readonly sandboxId: string },
) => Promise<void>;

/** One thing that sandboxes reach at `berth.internal`. */
export interface InternalEndpoint {
  /** The methods of requests that it answers at all. */
  readonly methods: readonly string[];
  /** Of the path behind its name. */
  readonly maxPathCharacters: number;
  /** Says of each request whether its token may do what it asks for, and answers it. MUST NOT reject. */
  readonly handle: AnswerInside;
}

export interface UplinkRouterParts {
  readonly egress: Egress;
  /** By the first part of the path. */
  readonly services: Readonly<Record<string, InternalEndpoint>>;
  readonly standing: Pick<GrantWatch, 'hold' | 'review'>;
}

export const createUplinkRouter = ({ egress, services, standing }: UplinkRouterParts): UplinkHandler => ({
  onConnect: (target, accept, refuse) =>
    egress.onConnect(
      target,
      () => {
        const stream = accept();
        standing.hold(target.sandboxId, 'egress', stream);
        // It was decided before there was a stream.
        standing.review(target.sandboxId);
        return stream;
      },
      refuse,
    ),
  onRequest: (request, response, sandboxId) => {
    const isOutside = request.authority !== INTERNAL_AUTHORITY;
    standing.hold(sandboxId, isOutside ? 'egress' : 'token', response.stream);
    if (isOutside) return egress.onRequest(request, response, sandboxId);
    const [, name = '', path = ''] = /^\/([a-z]+)(\/.*)?$/.exec(request.url) ?? [];
    const service = Object.hasOwn(services, name) ? services[name] : undefined;
    if (service === undefined)
      return answer(response, 404, `There is nothing at ${INTERNAL_AUTHORITY}${request.url.slice(0, 200)}.`);
    if (!service.methods.includes(request.method))
      return answer(response, 405, `Only ${service.methods.join(', ')} is answered at /${name}.`, {
        allow: service.methods.join(', '),
      });
    if (path.length > service.maxPathCharacters)
      return answer(
        response,
        414,
        `A path below /${name} has at most ${service.maxPathCharacters} characters.`,
      );
    void service.handle(request, response, { path, sandboxId });
  },
});

const answer = (
  response: Http2ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void => {
  response.writeHead(status, { 'content-type': 'text/plain', ...headers });
  response.end(`${text}\n`);
};
