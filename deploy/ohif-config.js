// OHIF 3.13 beside Orthanc and lookalike: everything it asks for is on its own origin (nginx.conf), /dicom-web and nothing else.
window.config = {
  routerBasename: null,
  // "Similar studies" opens lookalike's panel for the image that is shown (docs/answers.md).
  extensions: [
    {
      id: 'similar-studies',
      getCommandsModule: ({ servicesManager }) => ({
        defaultContext: 'DEFAULT',
        definitions: {
          similarStudies: () => {
            const { viewportGridService, displaySetService } = servicesManager.services;
            const { viewports, activeViewportId } = viewportGridService.getState();
            const [shown] = viewports.get(activeViewportId).displaySetInstanceUIDs;
            const { StudyInstanceUID, SeriesInstanceUID } = displaySetService.getDisplaySetByUID(shown);
            const asked = new URLSearchParams({ StudyInstanceUID, SeriesInstanceUID });
            const look = window.location.host.replace(/^pacs\./, 'look.');
            window.open(`https://${look}/panel?${asked}`, 'similar-studies', 'width=480,height=900');
          },
        },
      }),
    },
  ],
  modes: [],
  customizationService: {
    global: {
      'cornerstone.toolbarButtons': {
        $push: [
          {
            id: 'SimilarStudies',
            uiType: 'ohif.toolButton',
            props: {
              icon: 'tab-studies',
              label: 'Similar studies',
              tooltip: 'Similar studies',
              commands: 'similarStudies',
              evaluate: 'evaluate.action',
            },
          },
        ],
      },
      'cornerstone.toolbarSections': { primary: { $push: ['SimilarStudies'] } },
    },
  },
  showStudyList: true,
  maxNumberOfWebWorkers: 3,
  showLoadingIndicator: true,
  strictZSpacingForVolumeViewport: true,
  showErrorDetails: 'production',
  defaultDataSourceName: 'orthanc',
  dataSources: [
    {
      namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
      sourceName: 'orthanc',
      configuration: {
        friendlyName: 'Orthanc',
        name: 'orthanc',
        qidoRoot: '/dicom-web',
        wadoRoot: '/dicom-web',
        wadoUriRoot: '/wado',
        qidoSupportsIncludeField: true,
        supportsFuzzyMatching: false,
        supportsWildcard: true,
        supportsReject: false,
        imageRendering: 'wadors',
        thumbnailRendering: 'wadors',
        enableStudyLazyLoad: true,
        dicomUploadEnabled: false,
        omitQuotationForMultipartRequest: true,
        bulkDataURI: { enabled: true, relativeResolution: 'studies' },
      },
    },
  ],
};
