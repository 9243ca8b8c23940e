/**
 * The one handler of all uplinks. What is asked of `berth.internal` goes to git or to the
 * models, everything else to egress. The connection itself says which sandbox asks; tokens say what it may, and only in
 * the sandbox that they were made for.
 */
import { INTERNAL_AUTHORITY } from '@berth/contract/guest';
import type { UplinkHandler } from '../guest/channel/uplink.ts';
import type { Egress } from './egress/egress.ts';
import type { GitHttp } from './git/smart-http.ts';
import type { GrantWatch } from './grant-watch.ts';
import type { ModelRelay } from './models/relay.ts';

export interface UplinkRouterParts {
  readonly egress: Egress;
  readonly git: GitHttp;
  readonly models: ModelRelay;
  readonly standing: Pick<GrantWatch, 'hold' | 'review'>;
}

export const createUplinkRouter = ({ egress, git, models, standing }: UplinkRouterParts): UplinkHandler => ({
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
    const [, area, rest = ''] = /^\/([a-z]+)(\/.*)?$/.exec(request.url) ?? [];
    if (area === 'git') return void git(request, response, { path: rest, sandboxId });
    if (area === 'models') return void models.handle(request, response, { path: rest, sandboxId });
    response.writeHead(404, { 'content-type': 'text/plain' });
    response.end(`There is nothing at ${INTERNAL_AUTHORITY}${request.url.slice(0, 200)}.\n`);
  },
});
