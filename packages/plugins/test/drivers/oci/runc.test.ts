import { driverConformance } from '@berth/plugin-api/conformance';
import oci from '../../../src/drivers/oci/index.ts';
import { driverHost } from '../../../testing/driver-host.ts';
import { damageRecord, killContainer } from '../../../testing/kill-machine.ts';

// The second choice, held to the same promises where crun would be taken.
driverConformance(oci, {
  config: { runtime: 'runc' },
  host: driverHost,
  kill: killContainer,
  damage: damageRecord,
  saysVerdict: false,
});
