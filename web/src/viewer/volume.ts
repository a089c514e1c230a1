/** A volume in NiiVue, axial, feet first, the patient's left on the right: as the gallery cuts it. */
import { Niivue } from "@niivue/niivue";
import type { Pane, Place, View } from "./pane";

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
    place: () => placeOf(niivue, canvas),
    resize: () => niivue.resizeListener(),
    dispose: () => {
      niivue.cleanup();
      // Browsers keep a handful of WebGL contexts: this one is given back at once.
      niivue.gl.getExtension("WEBGL_lose_context")?.loseContext();
    },
  };
}

/** From what NiiVue says of the one slice that it draws: its corner and extent in millimetres, and in pixels. */
function placeOf(niivue: Niivue, canvas: HTMLCanvasElement): Place | null {
  const shown = niivue.screenSlices[0];
  if (!shown) return null;
  const [left, top, width, height] = shown.leftTopWidthHeight as [number, number, number, number];
  const density = canvas.width / (canvas.clientWidth || 1);
  const edge = (frac: number, axis: 0 | 1): number => {
    const share = (niivue.frac2mm([frac, frac, 0.5])[axis]! - shown.leftTopMM[axis]!) / shown.fovMM[axis]!;
    return (axis === 0 ? left + share * width : top + (1 - share) * height) / density;
  };
  const across = [edge(0, 0), edge(1, 0)].sort((a, b) => a - b) as [number, number];
  const down = [edge(0, 1), edge(1, 1)].sort((a, b) => a - b) as [number, number];
  return { left: across[0], top: down[0], width: across[1] - across[0], height: down[1] - down[0] };
}
