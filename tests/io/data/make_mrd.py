"""Write `ismrmrd_1.15.mrd` with the `ismrmrd` package (1.15.0), which the tests do not need.

    pip install ismrmrd && python tests/io/data/make_mrd.py

Two slices of 2 coils, 8 samples (2x oversampled) by 6 lines, two averages, a noise scan, a
navigator and a separate calibration line. Sample x of line y is
(coil + 1) * (x + 10 y + 100 slice) + i * x in the first average, 2 more in the second.
"""

from pathlib import Path

import ismrmrd
import ismrmrd.xsd as xsd
import numpy as np

OUT = Path(__file__).with_name("ismrmrd_1.15.mrd")


def space(x, y, view_x, view_y):
    size = xsd.matrixSizeType(x=x, y=y, z=1)
    view = xsd.fieldOfViewMm(x=view_x, y=view_y, z=4)
    return xsd.encodingSpaceType(matrixSize=size, fieldOfView_mm=view)


def header():
    limit = xsd.limitType(minimum=0, maximum=5, center=3)
    encoding = xsd.encodingType(
        encodedSpace=space(8, 6, 16, 9),
        reconSpace=space(4, 6, 8, 9),
        encodingLimits=xsd.encodingLimitsType(kspace_encoding_step_1=limit),
        trajectory=xsd.trajectoryType.CARTESIAN,
    )
    frequency = xsd.experimentalConditionsType(H1resonanceFrequency_Hz=63_500_000)
    return xsd.ismrmrdHeader(experimentalConditions=frequency, encoding=[encoding])


def readout(line=0, slice_=0, average=0, flag=None, samples=8):
    acquisition = ismrmrd.Acquisition()
    acquisition.resize(samples, 2)
    acquisition.center_sample = samples // 2
    acquisition.idx.kspace_encode_step_1 = line
    acquisition.idx.slice = slice_
    acquisition.idx.average = average
    acquisition.position[:] = (0, 0, 5 * slice_)
    acquisition.read_dir[:] = (1, 0, 0)
    acquisition.phase_dir[:] = (0, 1, 0)
    acquisition.slice_dir[:] = (0, 0, 1)
    x, coil = np.arange(samples), np.arange(2)[:, None]
    acquisition.data[:] = (coil + 1) * (x + 10 * line + 100 * slice_) + 1j * x + 2 * average
    if flag is not None:
        acquisition.setFlag(flag)
        acquisition.data[:] = 1e6
    return acquisition


def main():
    OUT.unlink(missing_ok=True)
    with ismrmrd.Dataset(str(OUT), "dataset") as file:
        file.write_xml_header(xsd.ToXML(header()).encode())
        file.append_acquisition(readout(flag=ismrmrd.ACQ_IS_NOISE_MEASUREMENT, samples=12))
        file.append_acquisition(readout(flag=ismrmrd.ACQ_IS_NAVIGATION_DATA))
        file.append_acquisition(readout(flag=ismrmrd.ACQ_IS_PARALLEL_CALIBRATION))
        for average in range(2):
            for line in (3, 2, 4, 1, 5, 0):
                for slice_ in range(2):
                    file.append_acquisition(readout(line, slice_, average))


if __name__ == "__main__":
    main()
