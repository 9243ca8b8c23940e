/**
 * All network traffic from a sandbox passes through here, and is denied unless its policy allows it.
 *
 * A connection is decided in this order, and every outcome is recorded: the spelling of the host, the policy, the
 * number of open connections, the name's current addresses, and the first bytes sent by the client, which must name
 * the same host. None of those bytes leaves this machine before the check.
 */
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Duplex } from 'node:stream';
import { createAdmission, type EgressOptions, type Refused } from './admission.ts';
import { forwardRequest } from './forward-request.ts';
import { openTunnel } from './tunnel.ts';

/** The part of the uplink's handler that connects to the network. */
export interface Egress {
  onConnect(
    asked: { readonly host: string; readonly port: number; readonly sandboxId: string },
    accept: () => Duplex,
    refuse: (status: number, message: string) => void,
  ): void;
  /** A request with an absolute `http:` URL. */
  onRequest(request: Http2ServerRequest, response: Http2ServerResponse, sandboxId: string): void;
}

export const createEgress = (options: EgressOptions): Egress => {
  const admit = createAdmission(options);

  return {
    onConnect: ({ host, port, sandboxId }, accept, refuse) => {
      const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
      admit(sandboxId, authority)
        .then((allowed) => {
          if ('status' in allowed) refuse(allowed.status, allowed.message);
          else openTunnel(accept(), allowed);
        })
        .catch((cause: unknown) => {
          options.log('egress.connect', { outcome: 'failed', sandbox: sandboxId, cause });
          refuse(502, 'the connection failed on the server');
        });
    },

    onRequest: (request, response, sandboxId) => {
      admit(sandboxId, request.authority)
        .then((allowed) => {
          if ('status' in allowed) refuseRequest(response, allowed);
          else forwardRequest(request, response, allowed);
        })
        .catch((cause: unknown) => {
          options.log('egress.connect', { outcome: 'failed', sandbox: sandboxId, cause });
          refuseRequest(response, { status: 502, message: 'the connection failed on the server' });
        });
    },
  };
};

const refuseRequest = (response: Http2ServerResponse, { status, message }: Refused): void => {
  if (response.headersSent) return;
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`berth: ${message}\n`);
};
