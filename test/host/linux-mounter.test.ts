import { linuxMounter } from '@berth/linux';
import { mounterContract } from '../../linux/src/mounter.contract.ts';

mounterContract('kernel', () => linuxMounter);
