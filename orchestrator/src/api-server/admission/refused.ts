import type { ApiError } from '@berth/kube';
import { forbidden } from '../resource-errors.ts';
import type { AdmissionRequest } from './admission.ts';

/** A plugin's answer to what it does not let in. While objects are changed upstream has not made up their names yet (admission extractResourceName). */
export function refused(request: AdmissionRequest, why: string): ApiError {
  const { definition, name, object, generatedName, reinvocation } = request;
  const isMadeUp = generatedName && reinvocation !== undefined;
  return forbidden(definition, (isMadeUp ? object.metadata.generateName : name) || 'Unknown', why);
}
