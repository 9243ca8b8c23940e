import { driverConformance } from '@berth/plugin-api/conformance';
import { driverHost } from '../../testing/driver-host.ts';
import host from './index.ts';

driverConformance(host, { config: {}, host: driverHost });
