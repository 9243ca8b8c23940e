/** Prometheus metrics. Names follow the nouns and include their unit. */
import type { Store } from '@berth/core';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  observeRequest(routeId: string, status: number, seconds: number): void;
}

const COUNTED = ['sandboxes', 'tasks', 'changes', 'jobs'] as const;

export const createMetrics = (store: Store, eventReaders: () => number): Metrics => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'berth_http_request_seconds',
    help: 'Time to answer a request.',
    labelNames: ['route', 'status'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers: [registry],
  });
  for (const table of COUNTED) {
    new Gauge({
      name: `berth_${table}`,
      help: `Records of ${table} by state.`,
      labelNames: ['state'],
      registers: [registry],
      async collect() {
        this.reset();
        const counts = await store.read((tx) => tx.table(table).countBy('state'));
        for (const [state, count] of Object.entries(counts)) this.set({ state }, count);
      },
    });
  }
  new Gauge({
    name: 'berth_event_readers',
    help: 'Clients that follow the stream of events.',
    registers: [registry],
    collect() {
      this.set(eventReaders());
    },
  });
  return {
    registry,
    observeRequest: (route, status, seconds) => requests.observe({ route, status: String(status) }, seconds),
  };
};
