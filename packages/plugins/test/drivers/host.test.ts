import { driverConformance } from '@berth/plugin-api/conformance';
import host from '../../src/drivers/host/index.ts';
import { driverHost } from '../../testing/driver-host.ts';
import { damageRecord, killOnHost } from '../../testing/kill-machine.ts';

driverConformance(host, {
  config: {},
  host: driverHost,
  kill: killOnHost,
  damage: damageRecord,
  saysVerdict: true,
});
