import type { AdmissionPlugin } from './admission.ts';
import { refused } from './refused.ts';

/** Nothing is let in (admission AlwaysDeny) but what the server needs to be there at all. */
export const alwaysDeny: AdmissionPlugin = (request) => {
  if (!request.own) throw refused(request, 'admission control is denying all modifications');
};
