"""A scripted module for 3D Slicer: the volumes of a lookalike gallery that look like the one that is open."""

from __future__ import annotations

import qt
import slicer
from lookalikes import HEAD, lookalikes
from service import Service, ServiceError
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleWidget

SETTINGS = "Lookalike/service"


class LookalikeSearch(ScriptedLoadableModule):
    """What Slicer shows of the module."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = "Lookalike search"
        parent.categories = ["Informatics"]
        parent.contributors = ["The lookalike authors"]
        parent.helpText = "Sends the chosen volume to a lookalike service and lists what looks like it."
        parent.acknowledgementText = "Research software, not a medical device."


class LookalikeSearchWidget(ScriptedLoadableModuleWidget):
    """A volume, a service, a button and a table."""

    def setup(self):
        super().setup()
        self.volume = slicer.qMRMLNodeComboBox()
        self.volume.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        self.volume.setMRMLScene(slicer.mrmlScene)
        self.url = qt.QLineEdit(qt.QSettings().value(SETTINGS) or "http://127.0.0.1:8000")
        self.key = qt.QLineEdit()
        self.key.setEchoMode(qt.QLineEdit.Password)
        self.where = qt.QLineEdit()
        self.count = qt.QSpinBox()
        self.count.setRange(1, 100)
        self.count.setValue(10)
        form = qt.QFormLayout()
        for name, field in (
            ("Volume", self.volume), ("Service", self.url), ("Key", self.key),
            ("Filter", self.where), ("How many", self.count),
        ):  # fmt: skip
            form.addRow(name, field)
        self.layout.addLayout(form)
        button = qt.QPushButton("Find look-alikes")
        button.connect("clicked()", self.find)
        self.layout.addWidget(button)
        self.said = qt.QLabel()
        self.said.setWordWrap(True)
        self.layout.addWidget(self.said)
        self.table = qt.QTableWidget(0, len(HEAD))
        self.table.setHorizontalHeaderLabels(HEAD)
        self.layout.addWidget(self.table)

    def find(self):
        node = self.volume.currentNode()
        if node is None:
            self.said.setText("Choose a volume first.")
            return
        qt.QSettings().setValue(SETTINGS, self.url.text)
        try:
            with slicer.util.WaitCursor():
                rows, said = lookalikes(
                    lambda file: slicer.util.saveNode(node, file),
                    Service(self.url.text, self.key.text),
                    self.count.value,
                    self.where.text,
                )
        except (ServiceError, ValueError) as error:
            slicer.util.errorDisplay(str(error))
            return
        self.said.setText(said)
        self.table.setRowCount(len(rows))
        for row, cells in enumerate(rows):
            for column, text in enumerate(cells):
                self.table.setItem(row, column, qt.QTableWidgetItem(text))
