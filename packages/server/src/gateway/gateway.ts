/** Assembles what sandboxes reach through their uplink: egress, git, models, and the rights granted by tokens. */
import { homedir } from 'node:os';
import type { Clock, Grants, Ids, Log, Store } from '@berth/core';
import type { Config } from '../config/config.ts';
import type { HostGit } from '../git/git.ts';
import type { UplinkHandler } from '../guest/channel/uplink.ts';
import { createConnectionLog } from './egress/connection-log.ts';
import { createEgress } from './egress/egress.ts';
import { readRegistries, registryEnvironment } from './egress/registries.ts';
import { createGitHttp } from './git/smart-http.ts';
import { createGrantLookup, createPushBudget } from './grant-lookup.ts';
import { createGrantWatch } from './grant-watch.ts';
import { createModelRelay } from './models/relay.ts';
import { createLinkJudge } from './models/request-links.ts';
import { createLedger } from './models/usage.ts';
import { createUplinkRouter } from './router.ts';

/** Git over HTTP and the wires of the models know no others. */
const ASKED_WITH = ['GET', 'POST'] as const;
/** Names of repositories and models are far shorter. */
const MAX_PATH_CHARACTERS = 2000;

export interface GatewayParts {
  readonly config: Pick<Config, 'models' | 'defaults'>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hubFolder: string;
  readonly hostGit: HostGit;
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly grants: Grants;
  readonly log: Log;
}

export interface Gateway {
  readonly uplink: UplinkHandler;
  /** The variables by which programs inside find the package registries of the server's user. */
  readonly registries: Readonly<Record<string, string>>;
  /** Flushes pending records. */
  close(): Promise<void>;
}

export const openGateway = async (parts: GatewayParts): Promise<Gateway> => {
  const { config, env, hubFolder, hostGit, store, clock, ids, grants, log } = parts;
  const book = createGrantLookup(store, grants, clock);
  const connections = createConnectionLog({ store, ids, clock, log });

  const sources = { home: env.HOME ?? homedir(), env };
  const policy = {
    ruleOf: book.ruleOf,
    registries: await readRegistries(sources),
    record: connections.record,
  };
  const egress = createEgress({ ...policy, log: log.error });
  const git = createGitHttp({
    folder: hubFolder,
    git: hostGit,
    authorise: book.forGit,
    sent: createPushBudget(store, config.defaults.limits),
    log: log.error,
  });
  const models = createModelRelay({
    providers: config.models.providers,
    authorise: book.forModels,
    judgeLinks: createLinkJudge(policy),
    ledger: createLedger({ store, ids }),
    clock,
    log: (level, event, facts) => log[level](event, facts),
  });
  const standing = createGrantWatch({ store, book, log: log.error });
  return {
    registries: await registryEnvironment(sources),
    uplink: createUplinkRouter({
      ...{ egress, standing },
      services: {
        git: { methods: ASKED_WITH, maxPathCharacters: MAX_PATH_CHARACTERS, handle: git },
        models: { methods: ASKED_WITH, maxPathCharacters: MAX_PATH_CHARACTERS, handle: models.handle },
      },
    }),
    close: () => {
      standing.close();
      return connections.flush();
    },
  };
};
