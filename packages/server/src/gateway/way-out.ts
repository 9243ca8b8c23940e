/**
 * The way out of every sandbox: the one handler of all uplinks. What is asked of `berth.internal` goes to git or to the
 * models, everything else to egress. The connection itself says which sandbox asks; tokens say what it may.
 */
import { INTERNAL_AUTHORITY } from '@berth/contract/guest';
import type { GitHttp } from '../infra/git/smart-http.ts';
import type { UplinkHandler } from '../infra/guest/uplink.ts';
import type { Egress } from './egress/egress.ts';
import type { ModelRelay } from './models/relay.ts';

export interface WayOutParts {
  readonly egress: Egress;
  readonly git: GitHttp;
  readonly models: ModelRelay;
}

export const createWayOut = ({ egress, git, models }: WayOutParts): UplinkHandler => ({
  onConnect: egress.onConnect,
  onRequest: (request, response, sandboxId) => {
    if (request.authority !== INTERNAL_AUTHORITY) return egress.onRequest(request, response, sandboxId);
    const [, area, rest = ''] = /^\/([a-z]+)(\/.*)?$/.exec(request.url) ?? [];
    if (area === 'git') return void git(request, response, { path: rest, sandboxId });
    if (area === 'models') return void models.handle(request, response, rest);
    response.writeHead(404, { 'content-type': 'text/plain' });
    response.end(`There is nothing at ${INTERNAL_AUTHORITY}${request.url.slice(0, 200)}.\n`);
  },
});
