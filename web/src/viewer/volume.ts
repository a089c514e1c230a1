/** A volume in NiiVue, axial, feet first, the patient's left on the right: as the gallery cuts it. */
import { Niivue } from "@niivue/niivue";
import type { Pane, View } from "./pane";

/** Raises where the file is none that NiiVue reads. */
export async function openVolume(
  canvas: HTMLCanvasElement,
  file: Blob,
  name: string,
  hounsfield: boolean,
): Promise<Pane> {
  const niivue = new Niivue({
    backColor: [0, 0, 0, 1],
    show3Dcrosshair: false,
    crosshairWidth: 0,
    isColorbar: false,
    isOrientCube: false,
    isOrientationTextVisible: false,
    isRadiologicalConvention: true,
    loadingText: "",
    dragAndDropEnabled: false,
    multiplanarShowRender: 0,
    isCornerOrientationText: false,
    logLevel: "silent",
  });
  await niivue.attachToCanvas(canvas, false);
  await niivue.loadFromFile(new File([file], name));
  const volume = niivue.volumes[0];
  if (!volume) throw new Error("no volume in this file");
  niivue.setSliceType(niivue.sliceTypeAxial);
  const slices = Math.max(1, volume.dimsRAS?.[3] ?? 1);
  let at = Math.floor(slices / 2);
  const place = (): void => {
    niivue.scene.crosshairPos = [0.5, 0.5, (at + 0.5) / slices];
    niivue.drawScene();
  };
  place();
  return {
    drawnBy: "NiiVue",
    note: "",
    slices,
    hounsfield,
    slice: () => at,
    setSlice: async (slice) => {
      at = Math.max(0, Math.min(slices - 1, slice));
      place();
    },
    window: () => [
      ((volume.cal_min ?? 0) + (volume.cal_max ?? 1)) / 2,
      (volume.cal_max ?? 1) - (volume.cal_min ?? 0),
    ],
    setWindow: ([center, width]) => {
      [volume.cal_min, volume.cal_max] = [center - width / 2, center + width / 2];
      niivue.updateGLVolume();
    },
    setView: ({ zoom, pan }: View) => {
      const extent = volume.dimsRAS && volume.pixDimsRAS ? volume.dimsRAS[1]! * volume.pixDimsRAS[1]! : 200;
      niivue.setPan2Dxyzmm([-pan[0] * extent, -pan[1] * extent, 0, zoom]);
    },
    resize: () => niivue.resizeListener(),
    dispose: () => {
      niivue.cleanup();
      // Browsers keep a handful of WebGL contexts: this one is given back at once.
      niivue.gl.getExtension("WEBGL_lose_context")?.loseContext();
    },
  };
}
