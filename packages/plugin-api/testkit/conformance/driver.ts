/**
 * What every driver promises, as tests. The groups follow from the facets that are present: nothing can be claimed
 * untested. A gap is a case known to fail, with the reason; it runs inverted, so that fixing the driver turns it red,
 * and a gap that names no case fails.
 */
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { capabilitiesOf, type DriverFacets, type DriverHost, type DriverPlugin } from '../../src/driver.ts';
import { type KillMachine, withBench } from './driver-bench.ts';
import { coreCases, type DriverCase, recordCases } from './driver-core.ts';
import { limitsCases, pauseCases, snapshotCases } from './driver-facets.ts';
import { groupCases } from './driver-groups.ts';
import { verdictCases } from './driver-verdict.ts';

export interface DriverConformance<C extends z.ZodType> {
  readonly config: z.input<C>;
  /** A fresh state folder for machines. It must be empty when disposed. */
  readonly host: () => Promise<DriverHost & AsyncDisposable>;
  /** Kills processes of a machine from outside, as the kernel or an operator would, and resolves when they are gone. */
  readonly kill: KillMachine;
  /** Destroys what the driver recorded about a machine, as a crash of the host would; absent for one without records. */
  readonly damage?: (host: DriverHost, id: string) => Promise<void>;
  /**
   * Whether a command could impersonate the guest, so that machines must report `verdict`. Derived from the driver's
   * kind or this machine, not from its report: otherwise a needless report would go unnoticed.
   */
  readonly saysVerdict: boolean;
  readonly gaps?: readonly { readonly title: string; readonly why: string }[];
  /** For one case. */
  readonly timeoutMs?: number;
}

const CASE_TIMEOUT_MS = 60_000;

const FACET_CASES: { readonly [F in keyof DriverFacets]: readonly DriverCase[] } = {
  snapshots: snapshotCases,
  limits: limitsCases,
  pause: pauseCases,
  groups: groupCases,
};

export const driverConformance = <C extends z.ZodType>(
  plugin: DriverPlugin<C>,
  options: DriverConformance<C>,
): void => {
  const { gaps = [], timeoutMs = CASE_TIMEOUT_MS } = options;
  const config = plugin.config.parse(options.config);
  const start = async () => {
    const host = await options.host();
    const open = (other: Partial<DriverHost> = {}) => plugin.open(config, { ...host, ...other });
    return { host, open, kill: options.kill };
  };
  describe(`driver ${plugin.name}`, async () => {
    const found = await start();
    const facets = capabilitiesOf(found.open());
    await found.host[Symbol.asyncDispose]();
    const groups = [
      { name: 'always', cases: [...coreCases, ...verdictCases(options.saysVerdict)] },
      ...(options.damage === undefined
        ? []
        : [{ name: 'because it keeps records', cases: recordCases(options.damage) }]),
      ...facets.map((facet) => ({ name: `because it has ${facet}`, cases: FACET_CASES[facet] })),
    ];
    for (const { name, cases } of groups) {
      describe(name, () => {
        for (const { title, check } of cases) {
          const gap = gaps.find((one) => one.title === title);
          const run = gap === undefined ? it : it.fails;
          run(gap === undefined ? title : `${title} (gap: ${gap.why})`, { timeout: timeoutMs }, () =>
            withBench(start, check),
          );
        }
      });
    }
    const titles = groups.flatMap(({ cases }) => cases.map(({ title }) => title));
    for (const { title } of gaps)
      it(`has a case for the gap "${title}"`, () => expect(titles).toContain(title));
  });
};
